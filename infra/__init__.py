"""The ground: settings, logs, stores, Kafka administration, and the command line that wires all of it.

Products of matrices are computed by one thread: those of a bed are too small to be shared out, and a second thread that
has to wait for a busy core made one take 6 ms in the place of half of one.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read by numpy when it is first imported
