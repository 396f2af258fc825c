"""Bookings: placed by the door, read by everybody, confirmed and ended by their saga."""
