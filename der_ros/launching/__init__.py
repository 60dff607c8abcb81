"""Actions, arguments and checks that the launch files share."""
