"""What the service and a store on a server bear: load, changes, kills."""
