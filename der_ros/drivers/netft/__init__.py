"""ATI Net F/T: RDT over UDP, configuration over HTTP."""
