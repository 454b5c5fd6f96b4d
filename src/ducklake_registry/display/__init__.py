"""What people see: progress on stderr, results on stdout, in tables or in words for machines.

Nothing is imported here: `dlr --help` needs the names of the forms of output, but none of what draws them.
"""
