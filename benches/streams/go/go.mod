module eventwire/benches/reference

go 1.22
