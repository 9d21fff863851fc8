"""The command line: commands and printers. It never imports Textual."""
