"""State, the step, the program that maps it over devices, the loop, and what a run writes."""
