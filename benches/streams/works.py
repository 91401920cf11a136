"""What is measured. Each work yields records: what, by whom, in which round, and the figures.

Contenders take turns within each round.
"""

from bursts import burst, growth, layers, servers, sizes
from encoding import encode
from lives import churn, idle, probe, slow
from pacing import capacity, chats, first, overhead, paced

WORKS = {
    work.__name__: work
    for work in (
        *(encode, burst, growth, servers, sizes, layers),
        *(paced, overhead, chats, capacity, first),
        *(idle, churn, slow, probe),
    )
}
