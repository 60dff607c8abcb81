"""Each learner's gradients against autograd of the losses in its docstring."""

import math

import numpy as np
import pytest
import torch
from references import flat_gradient, huber, leaves_of, mlp, q_of
from torch.nn import functional

from der_ros.algorithms.base import LearnerConfig, make_algorithm
from der_ros.algorithms.sac import SquashedSample
from der_ros.replay.transitions import Transitions

ROWS, OBSERVATION, ACTION = 24, 4, 2


def learner(name, **options):
    made = make_algorithm(
        name, LearnerConfig(**{"hidden": (16, 8), "l2": 1e-2, **options}), OBSERVATION, ACTION, 0
    )
    for vector in made.vectors().values():  # targets and online apart, policies far from zero
        noise = torch.randn(vector.shape, generator=torch.Generator().manual_seed(len(vector)))
        vector.add_(0.1 * noise)
    return made


def batch_of(name):
    rng = np.random.default_rng(1)
    action = rng.uniform(-1, 1, (ROWS, ACTION))
    if name == "dqn":
        action = np.eye(ACTION)[rng.integers(ACTION, size=ROWS)]
    columns = (
        rng.standard_normal((ROWS, OBSERVATION)),
        action,
        3.0 * rng.standard_normal(ROWS),
        rng.choice((0.0, 0.97), ROWS),
        rng.standard_normal((ROWS, OBSERVATION)),
    )
    return Transitions(*(column.astype(np.float32) for column in columns))


def weights():
    return np.random.default_rng(2).uniform(0.1, 1.0, ROWS).astype(np.float32)


def tensors(batch):
    return [torch.from_numpy(column) for column in batch]


def penalty(leaves):
    return 0.5 * sum(weight.square().sum() for weight, _ in leaves)


def steps_of(trained):
    """Record the gradients passed to the optimiser, without a step."""
    seen = []
    trained.step = lambda: seen.append(trained._gradient.clone())
    return seen


def close(got, wanted):
    torch.testing.assert_close(got, wanted.detach(), atol=2e-5, rtol=2e-4)


def critic_loss(made, batch, target, leaves):
    observation, action, *_ = tensors(batch)
    q = q_of(made.critics.online, observation, action, leaves)
    each = huber(target - q) if made.config.huber else 0.5 * (target - q).square()
    loss = (each * torch.from_numpy(weights())).mean(dim=1).sum()
    return made.config.critic_loss_coefficient * (loss + made.config.l2 * penalty(leaves))


def deterministic_policy_loss(made, batch, leaves):
    observation = torch.from_numpy(batch.observation)
    action = mlp(made.policy.online, observation, leaves)[0].tanh()
    loss = -q_of(made.critics.online, observation, action)[0].mean()
    return made.config.policy_loss_coefficient * (loss + made.config.l2 * penalty(leaves))


def deterministic_target(made, batch, noise=0.0):
    _, _, n_step_return, discount, following = tensors(batch)
    action = mlp(made.policy.target, following, made.policy.target.layers)[0].tanh()
    q = q_of(made.critics.target, following, (action + noise).clamp(-1, 1))
    return (n_step_return + discount * q.min(dim=0).values).detach()


def test_ddpg_takes_both_gradients_at_once():
    made = learner("ddpg", policy_loss_coefficient=0.1, layer_norm=False)
    critic_steps, policy_steps = steps_of(made.critics), steps_of(made.policy)
    batch = batch_of("ddpg")
    update = made.update(batch, weights())
    target = deterministic_target(made, batch)
    leaves = leaves_of(made.critics.online)
    close(critic_steps[0], flat_gradient(critic_loss(made, batch, target, leaves), leaves))
    leaves = leaves_of(made.policy.online)
    loss = deterministic_policy_loss(made, batch, leaves)
    close(policy_steps[0], flat_gradient(loss, leaves))
    estimate = q_of(made.critics.online, *tensors(batch)[:2])[0].detach()
    assert update.td_errors == pytest.approx((target - estimate).numpy(), abs=1e-5)


@pytest.mark.parametrize("is_huber", [True, False])
def test_td3_smooths_and_takes_the_lower_critic(is_huber):
    made = learner("td3", huber=is_huber, policy_delay=1, target_noise=0.4, target_noise_clip=0.5)
    critic_steps, policy_steps = steps_of(made.critics), steps_of(made.policy)
    batch = batch_of("td3")
    drawn = torch.Generator()
    drawn.set_state(made.generator.get_state())
    noise = (0.4 * torch.randn(ROWS, ACTION, generator=drawn)).clamp(-0.5, 0.5)
    target = deterministic_target(made, batch, noise)
    update = made.update(batch, weights())
    leaves = leaves_of(made.critics.online)
    loss = critic_loss(made, batch, target, leaves)
    close(critic_steps[0], flat_gradient(loss, leaves))
    leaves = leaves_of(made.policy.online)
    policy_loss = deterministic_policy_loss(made, batch, leaves)
    close(policy_steps[0], flat_gradient(policy_loss, leaves))
    without_l2 = loss - made.config.l2 * penalty(leaves_of(made.critics.online))
    assert update.metrics["critic_loss"] == pytest.approx(without_l2.item(), rel=1e-4)


def gaussian(outputs, noise):
    """Return tanh(μ + σε) and its log-probability, by torch.distributions."""
    mean, log_std = outputs.chunk(2, dim=-1)
    normal = torch.distributions.Normal(mean, log_std.clamp(-5.0, 2.0).exp())
    free = mean + normal.scale * noise
    # log(1 - tanh²u) in its numerically stable form
    squash = 2.0 * (math.log(2.0) - free - functional.softplus(-2.0 * free))
    return free.tanh(), (normal.log_prob(free) - squash).sum(dim=-1)


def test_sac():
    made = learner("sac", temperature=0.3)
    critic_steps, policy_steps = steps_of(made.critics), steps_of(made.policy)
    made._alpha_adam.step = (alpha_steps := []).append
    batch = batch_of("sac")
    drawn = torch.Generator()
    drawn.set_state(made.generator.get_state())
    first, second = (torch.randn(ROWS, ACTION, generator=drawn) for _ in range(2))
    made.update(batch, weights())
    observation, _, n_step_return, discount, following = tensors(batch)

    alpha = made.log_alpha.exp()
    action, log_p = gaussian(made.policy.online(following)[0], first)
    value = q_of(made.critics.target, following, action).min(dim=0).values - alpha * log_p
    target = (n_step_return + discount * value).detach()
    leaves = leaves_of(made.critics.online)
    close(critic_steps[0], flat_gradient(critic_loss(made, batch, target, leaves), leaves))

    leaves = leaves_of(made.policy.online)
    action, log_p = gaussian(mlp(made.policy.online, observation, leaves)[0], second)
    value = q_of(made.critics.online, observation, action).min(dim=0).values
    loss = (alpha * log_p - value).mean() + made.config.l2 * penalty(leaves)
    close(policy_steps[0], flat_gradient(loss, leaves))
    close(alpha_steps[0], -(log_p.mean() - ACTION).reshape(1))


def test_sac_leaves_a_spread_at_its_bound_alone():
    outputs = torch.tensor([[0.1, 0.2, 7.0, -9.0]])
    sample = SquashedSample.draw(outputs, torch.tensor([[0.01, 0.5]]))
    slope = sample.loss_gradient(torch.tensor([0.5]), torch.ones(1, 2))
    assert (slope[0, :2] != 0).all()
    assert slope[0, 2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dueling", [True, False])
@pytest.mark.parametrize("double", [True, False])
def test_dqn(double, dueling):
    made = learner("dqn", double=double, dueling=dueling)
    steps = steps_of(made.policy)
    batch = batch_of("dqn")
    observation, action, n_step_return, discount, following = tensors(batch)

    def values(networks, x, leaves):
        outputs = mlp(networks, x, leaves)[0]
        value, advantage = outputs[:, 0], outputs[:, 1:]
        if not dueling:
            return advantage
        return torch.stack([value + a - advantage.mean(1) for a in advantage.T], dim=1)

    online = values(made.policy.online, following, made.policy.online.layers)
    slow = values(made.policy.target, following, made.policy.target.layers)
    best = (online if double else slow).argmax(dim=1)
    target = n_step_return + discount * slow[torch.arange(ROWS), best]
    update = made.update(batch, weights())
    leaves = leaves_of(made.policy.online)
    q = (values(made.policy.online, observation, leaves) * action).sum(dim=1)
    loss = (huber(target - q) * torch.from_numpy(weights())).mean() + 1e-2 * penalty(leaves)
    close(steps[0], flat_gradient(loss, leaves))
    assert update.td_errors == pytest.approx((target - q).detach().numpy(), abs=1e-5)


def test_double_dqn_by_hand():
    """The online network prefers action 2; the target values it at 1 and action 1 at 5."""
    made = make_algorithm("dqn", LearnerConfig(hidden=(1,), dueling=False), 1, 2, 0)
    for networks, values in ((made.policy.online, (2.0, 3.0)), (made.policy.target, (5.0, 1.0))):
        networks.flat.zero_()
        networks.layers[-1].bias[0, 0, 1:] = torch.tensor(values)
    row = Transitions(*(np.array(c, np.float32) for c in ([[0]], [[1, 0]], [10], [0.5], [[0]])))
    assert made.td_errors(row).tolist() == [10 + 0.5 * 1 - 2]
