"""The task families of the evaluation suite: what lies there, what is said, when it is done."""
