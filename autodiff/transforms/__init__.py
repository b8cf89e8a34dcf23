"""Functions of functions (gradients, Jacobians, checkpoints), and the containers they take."""
