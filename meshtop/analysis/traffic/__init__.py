"""Traffic analysis without double counting: samples become edges, edges become figures and health verdicts."""
