"""The providers: who is asked, at which address, with which key header, in which dialect."""
