"""What comes from outside: uploads, and the readers of matrices, meshes, images and tables."""
