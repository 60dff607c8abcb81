"""What is assembled: piece geometry, goal, reward, success, initial-state ranges."""
