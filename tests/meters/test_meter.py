"""The text that names a meter, and what is no reading."""

import math

import pytest

from tritone.meters.meter import MeterError, SpecError, parse_spec, power_reading, reading


@pytest.mark.parametrize("text, kind, place, options", [
    ("visa:TCPIP0::192.0.2.7::INSTR", "visa", "TCPIP0::192.0.2.7::INSTR", {}),
    ("visa:ASRL/dev/ttyUSB1::INSTR,baud=9600,volts=MEAS:VOLT? DEF,DEF,(@1),timeout=0.5", "visa",
     "ASRL/dev/ttyUSB1::INSTR",
     {"baud": 9600, "volts": "MEAS:VOLT? DEF,DEF,(@1)", "timeout": 0.5}),
    ("hwmon:/sys/class/hwmon/hwmon3,channel=2", "hwmon", "/sys/class/hwmon/hwmon3",
     {"channel": 2}),
    ("ppk2:/dev/ttyACM0,volts=5.0", "ppk2", "/dev/ttyACM0", {"volts": 5.0}),
    ("csv:C:/logs/a,b.csv", "csv", "C:/logs/a,b.csv", {}),
])
def test_a_meter_has_a_kind_a_place_and_options(text, kind, place, options):
    spec = parse_spec(text)
    assert (spec.kind, spec.place, spec.options) == (kind, place, options)
    assert spec.name == f"{kind}:{place}"


@pytest.mark.parametrize("text, why", [
    ("", "expected KIND:PLACE with one of visa, hwmon, ppk2, csv"),
    ("visa", "expected KIND:PLACE"),
    ("scope:1", "expected KIND:PLACE"),
    ("hwmon:", "nothing after hwmon:"),
    ("hwmon:/sys,chanel=2", "there is no option chanel, but channel, interval"),
    ("hwmon:/sys,channel=0", "0: expected a whole number above 0"),
    ("hwmon:/sys,interval=-1", "-1: expected a number above 0"),
    ("visa:USB0::INSTR,timeout=nan", "nan: expected a number above 0"),
    ("visa:USB0::INSTR,volts=MEAS:VOLT?,timout=3", "there is no option timout, but volts,"),
    ("csv:a.csv,column=3", "there is no option column, but none at all"),
    ("ppk2:/dev/ttyACM0", "it measures no voltage; give that of the supply"),
])
def test_what_names_no_meter_is_refused_in_one_line(text, why):
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert str(caught.value).startswith(f"meter {text!r}: ") and why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_power_is_the_product():
    assert reading(1.0, 5.0, 0.25) == (1.0, 5.0, 0.25, 1.25)
    assert power_reading(1.0, 1.25) == (1.0, None, None, 1.25)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 9.9e37, 9.91e37])
def test_what_an_instrument_says_when_it_has_no_number_is_refused(value):
    with pytest.raises(MeterError, match="as the voltage: it is overloaded or has no reading"):
        reading(0.0, value, 1.0)
    with pytest.raises(MeterError, match="as the current"):
        reading(0.0, 1.0, value)
    with pytest.raises(MeterError, match="as the power"):
        power_reading(0.0, value)
