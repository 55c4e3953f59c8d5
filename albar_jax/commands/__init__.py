"""What each command line program does; the programs themselves only define flags."""
