"""Training and evaluation of the engines that this project trains. Not shipped."""
