module bootstrap/pause

go 1.24.0
