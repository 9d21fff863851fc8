"""What is shown of one thing of each kind when it is opened."""
