"""A test engine that takes a class out of a thousand, or a prompt that finds one."""
