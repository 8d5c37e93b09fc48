"""What comes from outside: the upload store, a reader for each kind of file, and the bundled data sets."""
