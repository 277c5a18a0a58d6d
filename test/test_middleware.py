"""What Fast DDS is told: our profile with its memory, or a user's own and nothing else."""

import xml.etree.ElementTree as ElementTree

import pytest

from vlm_robot.nodes.middleware import FROM_PROFILE, list_settings, PROFILE, RANGE
from vlm_robot.resources import find

DDS = '{http://www.eprosima.com}'


def test_without_a_profile_ours_is_named_and_its_memory_taken_from_it():
    settings = list_settings({})
    assert settings[PROFILE] == str(find('config/fastdds_large_images.xml'))
    assert settings[FROM_PROFILE] == '1' and settings[RANGE] == 'LOCALHOST'


def test_a_profile_of_the_user_stays_and_nothing_else_is_taken_from_it():
    assert list_settings({PROFILE: 'mine.xml', RANGE: 'SUBNET'}) == {}


@pytest.mark.parametrize('name', ['fastdds_large_images', 'fastdds_network'])
@pytest.mark.parametrize('kind', ['data_writer', 'data_reader'])
def test_every_message_is_kept_in_memory_of_its_own_size(name, kind):
    profiles = ElementTree.parse(find(f'config/{name}.xml')).getroot()[0]
    (found,) = profiles.findall(DDS + kind)
    assert found.get('is_default_profile') == 'true'
    assert found.findtext(DDS + 'historyMemoryPolicy') == 'DYNAMIC'
    assert found.find(DDS + 'qos').find(DDS + 'data_sharing').findtext(DDS + 'kind') == 'OFF'
