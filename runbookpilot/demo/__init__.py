"""What `runbookpilot demo` loads: a tenant, people of every role, mock adapters, the library, a catalogue, alerts."""
