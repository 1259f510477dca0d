"""What executors of several workers share: tasks are followed by the records of their runs until none is left."""

import json

from gan_jax.sweeps.executors import follow
from gan_jax.sweeps.layout import Group, run_folder
from gan_jax.sweeps.sweep import Resources
from gan_jax.sweeps.train import Job


class Heard:
    """What a person would have seen."""

    def __init__(self):
        self.steps, self.statuses, self.lines = 0, [], []

    def advance(self, steps):
        self.steps += steps

    def ended(self, status):
        self.statuses.append(status)

    def say(self, line):
        self.lines.append(line)


def test_tasks_are_followed_until_none_is_left(tmp_path):
    heard, begun, order = Heard(), [], iter([["b"], [], ["a", "c"]])
    climb = iter([[Group("c", ("two",), 5, 20)], [], []])  # once b has ended
    ends = {"a": ("one", "failed", 3), "b": ("two", "paused", 5), "c": ("two", "finished", 20)}
    groups = [Group("a", ("one",), 0, 20), Group("b", ("two",), 0, 5)]
    job = Job(tmp_path, groups, 3, ["again"], Resources(), heard, lambda: next(climb))

    def submit(calls):
        assert all((own.workdir, own.width, own.command) == (tmp_path, 3, ["again"]) for own, *_ in calls)
        begun.append([group for _, group, _ in calls])
        return begun[-1]  # a task is its group's name

    def wait(tasks):
        ended = next(order)
        for task in ended:
            run, status, step = ends[task]
            run_folder(tmp_path, run).mkdir(parents=True, exist_ok=True)
            (run_folder(tmp_path, run) / "result.json").write_text(json.dumps({"status": status, "step": step}))
            (run_folder(tmp_path, run) / "metrics.jsonl").write_text(json.dumps({"step": step}) + "\n")
        assert set(ended) <= set(tasks)
        return ended

    lost = follow(job, submit, wait, lambda task: ([f"{task} said"], "its worker died" if task == "a" else ""))
    assert lost == ["a (its worker died)"]
    assert begun == [["a", "b"], ["c"]]
    assert heard.lines == ["b said", "a said", "c said"]
    assert heard.statuses == ["paused", "failed", "finished"]
    assert heard.steps == 5 + 20 + 15
