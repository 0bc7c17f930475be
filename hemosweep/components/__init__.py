"""Components: the choices of an arm, such as its loss and its network, each its own configuration."""
