class ServingModels:
    def __init__(self, database, blobs, keep):
        self.current = None
        self.current_version = None

    async def refresh(self): ...
    async def follow(self, period_s):
        import asyncio

        while True:
            await asyncio.sleep(period_s)
