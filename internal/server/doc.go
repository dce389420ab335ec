// Package server puts the program together: it opens the storage, wires the
// services, binds the listeners, runs the background jobs and shuts everything
// down in order. It is the only place where services meet.
package server
