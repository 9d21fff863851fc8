"""Programs that measure meshtop; figures and machine go into docs/performance.md."""
