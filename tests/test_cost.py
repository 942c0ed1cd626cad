"""What samples and campaigns are predicted to cost."""

from inclusions import cost
from inclusions.model import Model


def test_predictions_grow_with_the_model_and_ranks_share_memory():
    sizes = [Model(length, 4.0, bubble=4) for length in range(6, 21, 2)]
    seconds = [cost.predicted_seconds(model, 50) for model in sizes]
    memory = [cost.predicted_memory(model, 50) for model in sizes]
    assert seconds == sorted(seconds) and memory == sorted(memory)
    alone, shared = (cost.predicted_memory(sizes[-1], 50, ranks) for ranks in (1, 16))
    assert shared < alone / 4
