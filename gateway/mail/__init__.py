"""Mail to people: the settings of the mail server, the letters, and sending one of them."""
