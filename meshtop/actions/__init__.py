"""Everything that writes: plans, their journal, and the gate through which they reach clusters."""
