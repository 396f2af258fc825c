"""The control API `/_sandbox`: look inside, move time, order faults, play the buyer. No provider has it."""
