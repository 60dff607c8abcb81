"""Number of torch threads of tests that compute with small networks."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Use one torch thread: on small products more threads are slower, above all under load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
