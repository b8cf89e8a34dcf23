"""What several families of rules are written with."""
