"""ATI Net F/T: RDT over UDP and configuration over HTTP, client and simulated box."""
