"""Mail: the services that deliver letters, and what they tell of them afterwards."""
