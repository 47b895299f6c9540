"""XNLI's whole protocol: how long it takes, from the time of a step and of a row."""

TRAIN, DEV, TEST, LANGUAGES, EPOCHS, EVERY, BATCH = 392_702, 2_490, 5_010, 15, 5, 100, 32
"""Rows, languages, and XTREME's recipe."""
WORDS = (
    f"The whole protocol is {EPOCHS} epochs of XNLI's {TRAIN:,} training rows; XTREME's script scores {LANGUAGES} test "
    f"sets and a dev set every {EVERY} steps, ours the dev set, and the test sets once at the end; reading, tokenizing "
    "and storing weights are in neither. Computed from the times of steps and rows it takes them"
)


def hours(step: float, row: float, dev_row: float = 0.0, *, every: bool = False) -> float:
    """Hours of fine-tuning, selection and scoring, from the seconds of a step and of a row in scoring.

    `dev_row` are those of a row where the dev split is scored alone; 0 = as of any. With `every` all test sets are
    scored whenever the dev split is.
    """
    steps = EPOCHS * -(-TRAIN // BATCH)
    looks = steps // EVERY
    test = LANGUAGES * TEST * (looks if every else 1)
    return (steps * step + looks * DEV * (dev_row or row) + test * row) / 3600
