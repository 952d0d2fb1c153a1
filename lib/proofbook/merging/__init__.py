"""Take runs, answers and history of other machines in: nothing here is overwritten or believed."""
