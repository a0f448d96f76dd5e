"""visa:RESOURCE: any meter or supply that speaks SCPI, by LAN, USB, serial port or GPIB.

    visa:TCPIP0::192.0.2.7::INSTR
    visa:USB0::0x1AB1::0x0E11::DP8C1234::INSTR,volts=MEAS:VOLT? CH1,amperes=MEAS:CURR? CH1

MEASure:VOLTage? and MEASure:CURRent? are of SCPI-99 volume 2, 3.
"""

import re
import time

from .meter import Meter, MeterError, counting, positive, reading

SHOWN = 40  # characters of an answer in a message
# A number, and its unit from instruments that tell it. Nothing else may follow: the answer to an
# unknown command, -113,"Undefined header", begins with a number too.
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[\s,]*(?:[VA](?:DC)?)?\s*")


class VisaMeter(Meter):
    """Two queries a sample: a voltage, then a current; the sample's time is between them.

    Parameters
    ----------
    resource : str
        VISA resource name.
    volts, amperes : str
        Commands that are answered with a number, in volts and amperes.
    setup : str
        Sent once before the first query.
    backend : str
        Of pyvisa: a vendor's VISA when there is one, else pyvisa-py; "@py" insists on that.
    timeout : float
        Seconds to wait for an answer.
    baud : int
        Of a serial instrument.
    """

    OPTIONS = {"volts": str, "amperes": str, "setup": str, "backend": str, "timeout": positive,
               "baud": counting}

    def __init__(self, resource, volts="MEAS:VOLT?", amperes="MEAS:CURR?", setup="", backend="",
                 timeout=2.0, baud=None):
        self._manager = self._instrument = None
        self._volts, self._amperes, self._timeout = volts, amperes, timeout
        self._visa = _library()
        milliseconds = round(1000 * timeout)
        extra = {"baud_rate": baud} if baud else {}
        try:
            self._manager = self._visa.ResourceManager(backend)
            self._instrument = self._manager.open_resource(
                resource, open_timeout=milliseconds, timeout=milliseconds,
                read_termination="\n", write_termination="\n", **extra)
            if setup:
                self._instrument.write(setup)
        except Exception as error:  # backends raise whatever their sockets and parsers raise
            self.close()
            raise MeterError(f"cannot open it: {_one_line(error)}") from error

    def sample(self):
        began = time.monotonic()
        volts, amperes = self._ask(self._volts), self._ask(self._amperes)
        return reading((began + time.monotonic()) / 2, volts, amperes)

    def _ask(self, command):
        try:
            self._instrument.write(command)
            # Not query(), which warns of each answer that ends without a newline.
            answer = self._instrument.read_raw().decode(errors="replace")
        except Exception as error:
            if getattr(error, "error_code", None) == self._visa.constants.StatusCode.error_timeout:
                raise MeterError(f"no answer to {command} within {self._timeout:g} s") from error
            raise MeterError(f"{command} failed: {_one_line(error)}") from error
        if not (number := NUMBER.fullmatch(answer)):
            raise MeterError(f"answers {answer.strip()[:SHOWN]!r} to {command}; expected a number")
        return float(number[1])

    def close(self):
        for part in (self._instrument, self._manager):
            try:
                if part is not None:
                    part.close()
            except Exception:  # it is gone, which is all that is wanted
                pass
        self._instrument = self._manager = None


def _library():
    try:
        import pyvisa
    except ImportError as error:
        raise MeterError("needs the Python package pyvisa: pip install -e '.[measure]'") from error
    return pyvisa


def _one_line(error):
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
