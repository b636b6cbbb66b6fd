"""The tea-temperature example: one knob, five ways to find where it is best, and what each of them assumes."""
