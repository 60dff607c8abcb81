"""Identification of a contact: touches of a ground piece, and the fit of mass and stiffness."""
