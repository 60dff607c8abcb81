"""Node ``assembly_supervisor``, which runs assembly attempts."""
