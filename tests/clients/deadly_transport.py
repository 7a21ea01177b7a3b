"""The beginning of a program that is killed around its upload."""

DEADLY = """
import os, signal, sys
from clients.python.device import Device
from clients.python.transport import Transport

class Deadly(Transport):
    # argv[2]: "before" the upload leaves, else after it was answered
    def send(self, method, url, **how):
        if method == "PUT" and sys.argv[2] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = super().send(method, url, **how)
        if method == "PUT":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
"""
