"""How an operation is declared, and the code that is generated for it."""
