"""What one frame costs: eventwire's encoder beside what people write by hand, and beside FastAPI.

``case`` says what a case is, ``contenders`` holds the calls that are timed, the ``*_cases`` modules
say what is compared. ``python -m encode`` (``make bench-encode``) prints the ratios;
``bench_encode.py`` hands the same cases to pytest-benchmark (``make bench``).
"""
