"""What an answer proposes to change: finding it in the text, planning it against files, carrying it out."""
