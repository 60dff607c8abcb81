"""A trivial task: bring a point to the origin. Importing registers ``der_ros_test/Reach-v0``."""

import gymnasium
import numpy as np


class Reach(gymnasium.Env):
    """Environment that can be saved within an episode."""

    observation_space = gymnasium.spaces.Box(-2, 2, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        angle = self.np_random.uniform(0, 2 * np.pi)
        self.position = np.array((np.cos(angle), np.sin(angle)))
        self.steps = 0
        return self.position.astype(np.float32), {}

    def step(self, action):
        self.position = np.clip(self.position + 0.2 * action, -2, 2)
        self.steps += 1
        distance = float(np.linalg.norm(self.position))
        success = distance < 0.15
        reward = -distance + 5.0 * success
        truncated = not success and self.steps >= 20
        return self.position.astype(np.float32), reward, success, truncated, {"success": success}

    def save_state(self):
        random = self.np_random.bit_generator.state
        return {"position": self.position, "steps": self.steps, "random": random}

    def restore_state(self, state):
        self.position, self.steps = state["position"], state["steps"]
        self.np_random.bit_generator.state = state["random"]


if "der_ros_test/Reach-v0" not in gymnasium.registry:
    gymnasium.register("der_ros_test/Reach-v0", Reach)
