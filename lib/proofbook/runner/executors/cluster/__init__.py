"""Execute jobs on the machines of a Ray cluster.

``connection`` joins the cluster and says what it has; ``executor`` sends attempts out as tasks;
``attempt`` is what runs in a task, and ``fetching`` brings it what ``sending`` has for it;
``host`` is what a machine keeps for all attempts of a run; ``control`` tells them that the run is
cancelled. No disk is assumed to be shared, and Ray's own retries are off.
"""
