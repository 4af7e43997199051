"""What explains a chance, measured on patients that nothing was fitted on."""
