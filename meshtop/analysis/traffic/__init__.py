"""Traffic counted once: samples to edges, edges to figures, figures to health."""
