"""The installations that the demo can show: how Istio was set up, and who looks at it."""
