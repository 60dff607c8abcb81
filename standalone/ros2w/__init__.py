"""The wrapper `ros2w`: makes an environment for a job, then becomes that job.

It runs before anything is installed, so it uses nothing but the standard library. All that it
makes lies in the repository: `.venv` (or `.venv-ros`, next to a sourced ROS 2), `build`,
`install` and `log`.
"""
